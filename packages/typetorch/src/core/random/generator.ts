/**
 * PyTorch's CPU generator: mt19937 and the cached half of a pair of normal values.
 */
import { TorchError, ValueError } from "../errors.ts";

/** Words of an mt19937 state. */
export const BLOCK_WORDS = 624;
const SIZE = BLOCK_WORDS;
const SHIFT = 397;
const DEFAULT_SEED = 67280421310721n;
/** Bytes of PyTorch's state: the legacy struct (5048), then the float cache. */
const STATE_BYTES = 5056;
const LEGACY_STATE_BYTES = 5048;
const MASK64 = (1n << 64n) - 1n;

/**
 * A source of random numbers, bit for bit that of PyTorch 1.13 on the CPU (`torch.Generator`). The same seed gives the same streams, and states carry over in
 * both directions.
 *
 * @example
 * const generator = new torch.Generator().manualSeed(0);
 * torch.rand(3, { generator }) // tensor([0.4963, 0.7682, 0.0885])
 */
export class Generator {
  /** The device whose tensors it fills. */
  readonly device = "cpu";
  /** Tempered outputs of the current block of 624; read by the fills, valid from `position`. */
  readonly words = new Uint32Array(SIZE);
  /** Index in `words` of the next output; 624 when the block is used up. */
  position = SIZE;
  /** The second value of a pair of normal values that was drawn and not yet returned, or null. */
  nextNormal: number | null = null;
  /** How many numbers of the generator's other sequence were taken, see `takeCounters`. */
  #taken = 0;
  readonly #state = new Int32Array(SIZE);
  #seed = DEFAULT_SEED;
  /** True until the first output after seeding: PyTorch's state then says "next 0" where it otherwise says 624. */
  #fresh = true;
  /** PyTorch's second cache, which its CPU generator keeps in the state and never uses. */
  #nextFloatNormal: number | null = null;

  constructor() {
    this.manualSeed(DEFAULT_SEED);
  }

  /**
   * Seeds the generator and returns it, as `torch.Generator.manual_seed`. The stream depends on the low 32 bits.
   *
   * @throws ValueError unless the seed is an integer from -2^63 to 2^64 - 1; negative ones count from 2^64.
   */
  manualSeed(seed: number | bigint): this {
    if (typeof seed === "number" && !Number.isInteger(seed))
      throw new ValueError(`manual_seed expects an integer, but got ${seed}`);
    const wide = BigInt(seed);
    if (wide < -(1n << 63n) || wide > MASK64) {
      throw new ValueError(
        `Overflow when unpacking long: manual_seed got ${wide}`,
        "a seed is an integer from -0x8000_0000_0000_0000 to 0xffff_ffff_ffff_ffff",
      );
    }
    this.#seed = wide & MASK64;
    const state = this.#state;
    let word = Number(this.#seed & 0xffffffffn) | 0;
    state[0] = word;
    for (let i = 1; i < SIZE; i++) {
      word = (Math.imul(1812433253, word ^ (word >>> 30)) + i) | 0;
      state[i] = word;
    }
    this.position = SIZE;
    this.#fresh = true;
    this.nextNormal = null;
    this.#nextFloatNormal = null;
    this.#taken = 0;
    return this;
  }

  /** Seeds the generator with 53 bits from the system and returns them, as `torch.Generator.seed`. */
  seed(): number {
    const [low, high] = crypto.getRandomValues(new Uint32Array(2)) as Uint32Array & [number, number];
    const seed = (high & 0x1fffff) * 2 ** 32 + low;
    this.manualSeed(seed);
    return seed;
  }

  /** The seed of the last `manualSeed` or `seed`, as `torch.Generator.initial_seed`: a bigint where a number could not hold it. */
  initialSeed(): number | bigint {
    return this.#seed <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(this.#seed) : this.#seed;
  }

  /**
   * The next `n` numbers of the generator's other sequence, for devices that compute every number from its position: the key (the seed's low and high word, as
   * int32) and the first position. It begins anew with each seed, is no part of the state, and advances on its own.
   */
  takeCounters(n: number): { readonly key: readonly [low: number, high: number]; readonly position: number } {
    const position = this.#taken;
    this.#taken += n;
    return { key: [Number(this.#seed & 0xffffffffn) | 0, Number(this.#seed >> 32n) | 0], position };
  }

  /** How many numbers {@link takeCounters} gave. Set it to have them again from there on. */
  get countersTaken(): number {
    return this.#taken;
  }
  set countersTaken(count: number) {
    this.#taken = count;
  }

  /** A generator that will go on exactly as this one, as `torch.Generator.clone_state`. */
  clone(): Generator {
    const copy = new Generator();
    copy.#state.set(this.#state);
    copy.words.set(this.words);
    copy.position = this.position;
    copy.nextNormal = this.nextNormal;
    copy.#seed = this.#seed;
    copy.#taken = this.#taken;
    copy.#fresh = this.#fresh;
    copy.#nextFloatNormal = this.#nextFloatNormal;
    return copy;
  }

  /** The state as the 5056 bytes of `torch.get_rng_state()`. */
  getState(): Uint8Array {
    const bytes = new Uint8Array(STATE_BYTES);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, this.#seed, true);
    view.setInt32(8, SIZE + 1 - this.position, true); // "left"
    view.setInt32(12, 1, true); // "seeded"
    view.setUint32(16, this.#fresh ? 0 : this.position, true); // "next"
    for (let i = 0; i < SIZE; i++) view.setInt32(24 + 8 * i, this.#state[i]!, true);
    if (this.nextNormal !== null) {
      view.setFloat64(5024, this.nextNormal, true);
      view.setInt32(5040, 1, true);
    }
    if (this.#nextFloatNormal !== null) {
      view.setFloat32(5048, this.#nextFloatNormal, true);
      view.setUint8(5052, 1);
    }
    return bytes;
  }

  /**
   * Takes over a state made by `getState` or by `torch.get_rng_state()`; also the 5048 bytes of old versions of PyTorch.
   *
   * @throws ValueError when the size is wrong, TorchError when the bytes are no valid state.
   */
  setState(bytes: Uint8Array): this {
    if (bytes.length !== STATE_BYTES && bytes.length !== LEGACY_STATE_BYTES) {
      throw new ValueError(
        `Expected either a CPUGeneratorImplStateLegacy of size ${LEGACY_STATE_BYTES} or a CPUGeneratorImplState of size ${STATE_BYTES} but found the input RNG state size to be ${bytes.length}`,
      );
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const left = view.getInt32(8, true);
    const next = view.getUint32(16, true);
    const fresh = left === 1 && next === 0;
    if (view.getInt32(12, true) === 0 || !(fresh || (left >= 1 && left <= SIZE && next === SIZE + 1 - left))) {
      throw new TorchError("Invalid mt19937 state", "take the bytes from getState() or torch.get_rng_state()");
    }
    this.#seed = view.getBigUint64(0, true);
    for (let i = 0; i < SIZE; i++) this.#state[i] = view.getInt32(24 + 8 * i, true);
    this.#fresh = fresh;
    this.position = SIZE + 1 - left;
    if (!fresh) this.#temper();
    this.nextNormal = null;
    this.#nextFloatNormal = null;
    if (view.getInt32(5040, true) !== 0) {
      if (bytes.length === STATE_BYTES) this.nextNormal = view.getFloat64(5024, true);
      else this.nextNormal = view.getFloat64(5032, true) * Math.sin(2 * Math.PI * view.getFloat64(5016, true));
    }
    if (bytes.length === STATE_BYTES && view.getUint8(5052) !== 0) this.#nextFloatNormal = view.getFloat32(5048, true);
    return this;
  }

  /** One output of 32 bits. */
  random(): number {
    if (this.position === SIZE) this.refill();
    return this.words[this.position++]!;
  }

  /** A float64 uniform in [0, 1) from 53 bits: two outputs, the first one high. */
  uniform(): number {
    const high = this.random();
    return ((high & 0x1fffff) * 2 ** 32 + this.random()) * 2 ** -53;
  }

  /** Writes the next `count` outputs to the front of `target`. */
  draw(target: Uint32Array, count: number): void {
    for (let done = 0; done < count; ) {
      if (this.position === SIZE) this.refill();
      const { words, position } = this;
      const part = Math.min(SIZE - position, count - done);
      if (part > 16) target.set(words.subarray(position, position + part), done);
      else for (let i = 0; i < part; i++) target[done + i] = words[position + i]!;
      done += part;
      this.position = position + part;
    }
  }

  /** Writes the block of the state from which `words` come to the front of `target`, for kernels that go on from there; see `continueWith`. */
  copyBlock(target: Int32Array): void {
    target.set(this.#state);
  }

  /** Takes over a later block of the stream, at the front of `block`, of which `position` outputs were used. */
  continueWith(block: Int32Array, position: number): void {
    this.#state.set(block.subarray(0, SIZE));
    this.#fresh = false;
    this.position = position;
    if (position < SIZE) this.#temper();
  }

  /** Makes the next block of 624 outputs. */
  refill(): void {
    const state = this.#state;
    let word = state[0]!;
    for (let i = 0; i < SIZE - SHIFT; i++) {
      const following = state[i + 1]!;
      const mixed = (word & 0x80000000) | (following & 0x7fffffff);
      state[i] = state[i + SHIFT]! ^ (mixed >>> 1) ^ (-(following & 1) & 0x9908b0df);
      word = following;
    }
    for (let i = SIZE - SHIFT; i < SIZE - 1; i++) {
      const following = state[i + 1]!;
      const mixed = (word & 0x80000000) | (following & 0x7fffffff);
      state[i] = state[i + SHIFT - SIZE]! ^ (mixed >>> 1) ^ (-(following & 1) & 0x9908b0df);
      word = following;
    }
    const first = state[0]!;
    const mixed = (word & 0x80000000) | (first & 0x7fffffff);
    state[SIZE - 1] = state[SHIFT - 1]! ^ (mixed >>> 1) ^ (-(first & 1) & 0x9908b0df);
    this.#fresh = false;
    this.position = 0;
    this.#temper();
  }

  #temper(): void {
    const state = this.#state;
    const words = this.words;
    for (let i = 0; i < SIZE; i++) {
      let y = state[i]!;
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      words[i] = y ^ (y >>> 18);
    }
  }
}

/** The generator that random functions use when none is given, as `torch.default_generator`. */
export const defaultGenerator = new Generator();
