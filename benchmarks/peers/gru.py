"""Forward and backward through 50 steps of a gated recurrent unit of 200 in PyTorch: a batch of 50, sum of squares of all states."""

import torch
from torch import nn

from serve import serve


class GruStep:
    def __init__(self):
        self.start_anew()

    def start_anew(self):
        self.x = torch.rand(50, 50, 200) * 2 - 1  # steps first, as the unit reads them
        self.gru = nn.GRU(200, 200)

    def work(self):
        self.gru.zero_grad(set_to_none=True)
        states, _ = self.gru(self.x)
        loss = states.square().sum()
        loss.backward()
        return loss

    def run_anew(self):
        self.start_anew()
        loss = self.work().item()
        norms = {f"norm of gradient of gru.{name.removesuffix('_l0')}": p.grad.norm().item() for name, p in self.gru.named_parameters()}
        return {"first loss": loss, **norms}


if __name__ == "__main__":
    torch.manual_seed(0)
    serve(GruStep())
