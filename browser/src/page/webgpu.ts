/**
 * Opens the webgpu device before its tests are loaded.
 */
import torch from "typetorch";

await torch.webgpu.init();
