// Imported before a test file: whatever names no device is made on webgpu, and random numbers are the CPU's, so that they can be compared with PyTorch's.
import torch from "typetorch";

torch.setDefaultDevice("webgpu");
torch.webgpu.drawOnHost(true);
