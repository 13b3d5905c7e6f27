"""One training step of a network 17-256-256-6 in PyTorch: mean squared error of a batch of 256, Adam."""

import torch
from torch import nn
from torch.nn import functional

from serve import serve

STEPS_OF_A_RUN = 20


class MlpStep:
    def __init__(self):
        self.start_anew()

    def start_anew(self):
        self.x, self.y = torch.rand(256, 17) * 2 - 1, torch.rand(256, 6) * 2 - 1
        self.net = nn.Sequential(nn.Linear(17, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 6))
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=1e-3)

    def work(self):
        loss = functional.mse_loss(self.net(self.x), self.y)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss

    def run_anew(self):
        self.start_anew()
        losses = [self.work().item() for _ in range(STEPS_OF_A_RUN)]
        return {"first loss": losses[0], "last loss": losses[-1]}


if __name__ == "__main__":
    torch.manual_seed(0)
    serve(MlpStep())
