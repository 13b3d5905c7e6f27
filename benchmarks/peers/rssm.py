"""One ELBO step of a recurrent state-space model in PyTorch: 50 episodes of 50 steps, a GRU of 200, 30 latents, Adam, clipped gradients."""

import torch
from torch import nn
from torch.nn import functional

from serve import serve

BATCH, STEPS, OBSERVATION, ACTION, WIDTH, LATENTS = 50, 50, 24, 6, 200, 30
STEPS_OF_A_RUN = 10


def mlp(*sizes):
    layers = []
    for k in range(len(sizes) - 1):
        layers.append(nn.Linear(sizes[k], sizes[k + 1]))
        if k < len(sizes) - 2:
            layers.append(nn.ELU())
    return nn.Sequential(*layers)


def gaussian(code):
    mean, scale = code.chunk(2, dim=-1)
    return mean, functional.softplus(scale) + 0.1


class RssmStep:
    def __init__(self):
        self.start_anew()

    def start_anew(self):
        self.observation = torch.rand(STEPS, BATCH, OBSERVATION) * 2 - 1
        self.action = torch.rand(STEPS, BATCH, ACTION) * 2 - 1
        self.reward = torch.rand(STEPS, BATCH) * 2 - 1
        self.net = nn.ModuleDict({
            "encoder": mlp(OBSERVATION, WIDTH, WIDTH),
            "input": nn.Linear(LATENTS + ACTION, WIDTH),
            "cell": nn.GRUCell(WIDTH, WIDTH),
            "prior": mlp(WIDTH, WIDTH, 2 * LATENTS),
            "posterior": mlp(2 * WIDTH, WIDTH, 2 * LATENTS),
            "decoder": mlp(WIDTH + LATENTS, WIDTH, WIDTH, OBSERVATION),
            "reward": mlp(WIDTH + LATENTS, WIDTH, WIDTH, 1),
        })
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=6e-4)

    def work(self):
        net = self.net
        embedding = functional.elu(net["encoder"](self.observation))
        hidden, code = torch.zeros(BATCH, WIDTH), torch.zeros(BATCH, LATENTS)
        hiddens, codes, means, scales = [], [], [], []
        for t in range(STEPS):
            hidden = net["cell"](functional.elu(net["input"](torch.cat([code, self.action[t]], -1))), hidden)
            mean, scale = gaussian(net["posterior"](torch.cat([hidden, embedding[t]], -1)))
            code = mean + scale * torch.randn_like(mean)
            hiddens.append(hidden)
            codes.append(code)
            means.append(mean)
            scales.append(scale)
        hidden, code, mean, scale = (torch.stack(x) for x in (hiddens, codes, means, scales))
        prior_mean, prior_scale = gaussian(net["prior"](hidden))
        ratio = (scale / prior_scale).square()
        divergence = 0.5 * (ratio + ((mean - prior_mean) / prior_scale).square() - 1 - ratio.log()).sum(-1)
        both = torch.cat([hidden, code], -1)
        half_log = 0.9189385332046727
        seen = (-0.5 * (self.observation - net["decoder"](both)).square() - half_log).sum(-1)
        earned = -0.5 * (self.reward - net["reward"](both).squeeze(-1)).square() - half_log
        loss = STEPS * divergence.mean().clamp(min=3.0) - (seen + earned).sum(0).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 100)
        self.optimizer.step()
        return loss

    def run_anew(self):
        self.start_anew()
        losses = [self.work().item() for _ in range(STEPS_OF_A_RUN)]
        return {"first loss": losses[0], "last loss": losses[-1]}


if __name__ == "__main__":
    torch.manual_seed(0)
    serve(RssmStep())
