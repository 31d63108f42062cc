import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Tensor } from "typetorch";

const NAMES: Record<string, string> = {
  f32: "F32",
  f64: "F64",
  f16: "F16",
  bf16: "BF16",
  i64: "I64",
  i32: "I32",
  i16: "I16",
  i8: "I8",
  u8: "U8",
  bool: "BOOL",
};

/** Writes tensors in the safetensors format: an 8-byte length, a JSON header, the data. PyTorch reads it with `safetensors.torch.load_file`. */
export async function saveSafetensors(tensors: Iterable<readonly [string, Tensor]>, path: string): Promise<void> {
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, tensor] of tensors) {
    const data = tensor.detach().contiguous().data;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    header[name] = { dtype: NAMES[tensor.dtype.key], shape: [...tensor.shape], data_offsets: [offset, offset + bytes.length] };
    parts.push(bytes);
    offset += bytes.length;
  }
  let json = JSON.stringify(header);
  json += " ".repeat((8 - (Buffer.byteLength(json) % 8)) % 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(json)));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, Buffer.concat([length, Buffer.from(json), ...parts]));
}
