"""One step of a variational autoencoder of images 64 × 64 × 3 in PyTorch: convolutions, unit-variance Normal, a batch of 50, Adam."""

import torch
from torch import nn

from serve import serve

LATENTS = 30
STEPS_OF_A_RUN = 2


class ConvStep:
    def __init__(self):
        self.start_anew()

    def start_anew(self):
        self.image = torch.rand(50, 3, 64, 64)
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 32, 4, stride=2), nn.ReLU(),
            nn.Conv2d(32, 64, 4, stride=2), nn.ReLU(),
            nn.Conv2d(64, 128, 4, stride=2), nn.ReLU(),
            nn.Conv2d(128, 256, 4, stride=2), nn.ReLU(),
            nn.Flatten(), nn.Linear(1024, 2 * LATENTS))
        self.decoder = nn.Sequential(
            nn.Linear(LATENTS, 1024), nn.Unflatten(1, (1024, 1, 1)),
            nn.ConvTranspose2d(1024, 128, 5, stride=2), nn.ReLU(),
            nn.ConvTranspose2d(128, 64, 5, stride=2), nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 6, stride=2), nn.ReLU(),
            nn.ConvTranspose2d(32, 3, 6, stride=2))
        self.optimizer = torch.optim.Adam([*self.encoder.parameters(), *self.decoder.parameters()], lr=1e-3)

    def work(self):
        mean, log_variance = self.encoder(self.image).chunk(2, dim=1)
        code = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        reconstruction = 0.5 * (self.image - self.decoder(code)).square().sum()
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
    serve(ConvStep())
