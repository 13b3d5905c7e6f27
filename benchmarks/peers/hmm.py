"""Log-likelihood of a hidden Markov model of 64 states and its gradient in PyTorch: 256 series of 1,000 steps, forward recursion in log-space."""

import math

import torch

from philox import uniforms
from serve import serve

STATES, STEPS, BATCH = 64, 1000, 256


class HiddenMarkov:
    def __init__(self):
        self.seed = 0
        self.start_anew()

    def start_anew(self):
        def drawn(place, *shape):
            return uniforms(math.prod(shape), place, self.seed).reshape(shape) * 4 - 2

        self.x = drawn(0, BATCH, STEPS)
        self.start, self.transition, self.mean = (
            drawn(place, *shape).requires_grad_() for place, shape in ((1, (STATES,)), (2, (STATES, STATES)), (3, (STATES,)))
        )
        self.seed += 1

    def work(self):
        for parameter in (self.start, self.transition, self.mean):
            parameter.grad = None
        emission = -0.5 * (self.x.t().unsqueeze(2) - self.mean).square() - 0.5 * math.log(2 * math.pi)
        to_from = self.transition.log_softmax(1).t().contiguous()  # the states before lie side by side
        alpha = self.start.log_softmax(0) + emission[0]
        for step in range(1, STEPS):
            alpha = torch.logsumexp(alpha.unsqueeze(1) + to_from, 2) + emission[step]
        evidence = alpha.logsumexp(1).sum()
        evidence.backward()
        return evidence

    def run_anew(self):
        evidence = self.work().item()
        norms = {f"norm of gradient of {name}": getattr(self, name).grad.norm().item() for name in ("start", "transition", "mean")}
        self.start_anew()
        return {"first loss": evidence, **norms}


if __name__ == "__main__":
    serve(HiddenMarkov())
