/**
 * Errors that name the operation, PyTorch's own phrase (so that a web search works), the values seen and, on a `help:` line, the cure.
 */
import { classNameOf, keepClassNames } from "./className.ts";

/** What every error of TypeTorch is. `help` is the advice printed after the message. */
export class TorchError extends Error {
  readonly help: string | undefined;
  constructor(message: string, help?: string) {
    super(help === undefined ? message : `${message}\n  help: ${help}`);
    this.name = classNameOf(this);
    this.help = help;
  }
}

/** Shapes do not fit together (PyTorch: RuntimeError). */
export class ShapeError extends TorchError {}
/** A dtype is not accepted, or dtypes do not fit together (PyTorch: RuntimeError or TypeError). */
export class DTypeError extends TorchError {}
/** Tensors are on different or missing devices (PyTorch: RuntimeError). */
export class DeviceError extends TorchError {}
/** The device was lost: the driver was reset, the GPU was taken away, or it was destroyed. What lay in its memory is gone. */
export class DeviceLostError extends DeviceError {}
/** An index or a dimension is out of range (PyTorch: IndexError). */
export class IndexError extends TorchError {}
/** An argument has a value that the operation cannot take (PyTorch: ValueError or RuntimeError). */
export class ValueError extends TorchError {}
/** An argument has the wrong kind (PyTorch: TypeError). */
export class ArgumentTypeError extends TorchError {}
/** Something is asked of the autograd graph that it cannot do (PyTorch: RuntimeError). */
export class AutogradError extends TorchError {}
/** A state_dict does not fit its module or optimizer. */
export class StateDictError extends TorchError {}
/** The operation is not there for these arguments yet (PyTorch: NotImplementedError). */
export class NotSupportedError extends TorchError {}
/** There is no memory left for a tensor (PyTorch: `torch.cuda.OutOfMemoryError`, RuntimeError on the CPU). */
export class OutOfMemoryError extends TorchError {}
/** A file is not what it should be, or cannot be read or written: damaged, cut off, hostile, or of another format. */
export class SerializationError extends TorchError {}
/** A pickle is damaged or asks for something that loading does not do (PyTorch: `pickle.UnpicklingError`). */
export class UnpicklingError extends SerializationError {}

keepClassNames({
  TorchError,
  ShapeError,
  DTypeError,
  DeviceError,
  DeviceLostError,
  IndexError,
  ValueError,
  ArgumentTypeError,
  AutogradError,
  StateDictError,
  NotSupportedError,
  OutOfMemoryError,
  SerializationError,
  UnpicklingError,
});
