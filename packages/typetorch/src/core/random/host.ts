/**
 * Where the random numbers of tensors on other devices come from.
 */

/** With `onHost` PyTorch's CPU streams fill them too: the same numbers as on the CPU for the same seed, drawn on the host and uploaded. */
export const deviceRandom = { onHost: false };
