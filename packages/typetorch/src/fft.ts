/**
 * `torch.fft`: what there is of it without complex numbers.
 */
export { fftfreq, fftshift, ifftshift, rfftfreq } from "./ops/fft/shift.ts";
