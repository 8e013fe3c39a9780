"""Items learned by gradient steps, inside the measure that will compare them; needs PyTorch."""
