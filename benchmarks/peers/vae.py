"""One step of a variational autoencoder 784-400-20-400-784 in PyTorch: Bernoulli pixels, a batch of 128, Adam."""

import torch
from torch import nn
from torch.nn import functional

from serve import serve

LATENTS = 20
STEPS_OF_A_RUN = 20


class VaeStep:
    def __init__(self):
        self.start_anew()

    def start_anew(self):
        self.image = torch.rand(128, 784).ge(0.5).float()
        self.encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 2 * LATENTS))
        self.decoder = nn.Sequential(nn.Linear(LATENTS, 400), nn.ReLU(), nn.Linear(400, 784))
        self.optimizer = torch.optim.Adam([*self.encoder.parameters(), *self.decoder.parameters()], lr=1e-3)

    def work(self):
        mean, log_variance = self.encoder(self.image).chunk(2, dim=1)
        code = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        logits = self.decoder(code)
        reconstruction = functional.binary_cross_entropy_with_logits(logits, self.image, reduction="sum")
        divergence = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum()
        loss = (reconstruction + divergence) / len(self.image)
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
    serve(VaeStep())
