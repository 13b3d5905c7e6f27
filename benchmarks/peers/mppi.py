"""Path-integral control of Gymnasium's Pendulum-v1 in plain eager PyTorch: what the mppi_… benchmarks are compared with.

The same solve as ours: draw actions around the last plan, clip, roll out, weigh by softmax(return / α), average; shift the plan by
one step. It does less in one respect: ours also estimates the ELBO of the new plan from 64 fresh rollouts and looks for numbers that
are not finite.

Samples stand side by side in memory, a row a step, so that every operation of the rollout runs over contiguous numbers.
"""

import argparse
import math

import torch

from serve import serve

NOISE = 1.0
TEMPERATURE = 1.0
HANGING_STILL = (math.pi, 0.0)
SOLVES_OF_A_RUN = 5


def step(angle, velocity, torque):
    velocity = (velocity + 0.75 * torch.sin(angle) + 0.15 * torque).clamp_(-8, 8)
    return angle + 0.05 * velocity, velocity


def cost(angle, velocity, torque):
    wrapped = (angle + math.pi) % (2 * math.pi) - math.pi
    return wrapped**2 + 0.1 * velocity**2 + 0.001 * torque**2


def softmax(scores):
    return torch.softmax(scores, 0)


def top_tenth(scores):
    count = len(scores) // 10
    return torch.zeros_like(scores).index_fill_(0, torch.topk(scores, count, sorted=False).indices, 1 / count)


class Mppi:
    def __init__(self, samples, horizon, weigh):
        self.samples, self.weigh = samples, weigh
        self.plan = torch.zeros(horizon)
        self.actions = torch.empty(horizon, samples)

    def work(self):
        angle = torch.full((self.samples,), HANGING_STILL[0])
        velocity = torch.full((self.samples,), HANGING_STILL[1])
        actions = self.actions.normal_(0, NOISE).add_(self.plan[:, None]).clamp_(-2, 2)
        total = torch.zeros(self.samples)
        for torque in actions:
            total += cost(angle, velocity, torque)
            angle, velocity = step(angle, velocity, torque)
        return self.solved(actions, total / -TEMPERATURE)

    def solved(self, actions, scores):
        weights = self.weigh(scores)
        mean = actions @ weights
        self.plan = torch.cat((mean[1:], mean[-1:]))
        action = mean[0].item()
        return {
            "action": action,
            "size of the action": abs(action),
            "effective sample size": 1 / weights.square().sum().item(),
            "free energy": -TEMPERATURE * (torch.logsumexp(scores, 0).item() - math.log(self.samples)),
        }

    def run_anew(self):
        self.plan.zero_()
        for _ in range(SOLVES_OF_A_RUN):
            result = self.work()
        return result


class MppiByHand(Mppi):
    """The same, shaped by hand to this model: the dynamics write into rows set aside, and the costs of all steps are taken at once."""

    def __init__(self, samples, horizon, weigh):
        super().__init__(samples, horizon, weigh)
        angles, velocities = torch.empty(horizon + 1, samples), torch.empty(horizon + 1, samples)
        angles[0], velocities[0] = HANGING_STILL
        self.angles, self.velocities, self.sine = angles[:-1], velocities[:-1], torch.empty(samples)
        self.rows = list(zip(*(x.unbind() for x in (self.actions, angles[:-1], velocities[:-1], angles[1:], velocities[1:]))))

    def work(self):
        actions = self.actions.normal_(0, NOISE).add_(self.plan[:, None]).clamp_(-2, 2)
        for torque, angle, velocity, next_angle, next_velocity in self.rows:
            torch.sin(angle, out=self.sine)
            torch.add(velocity, self.sine, alpha=0.75, out=next_velocity).add_(torque, alpha=0.15).clamp_(-8, 8)
            torch.add(angle, next_velocity, alpha=0.05, out=next_angle)
        costs = (self.angles + math.pi).remainder_(2 * math.pi).sub_(math.pi).square_()
        costs.addcmul_(self.velocities, self.velocities, value=0.1).addcmul_(actions, actions, value=0.001)
        return self.solved(actions, costs.sum(0).div_(-TEMPERATURE))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1024)
    parser.add_argument("--horizon", type=int, default=30)
    parser.add_argument("--weights", choices=("softmax", "top-tenth"), default="softmax")
    parser.add_argument("--by-hand", action="store_true", help="the version shaped by hand to the pendulum")
    options = parser.parse_args()
    torch.manual_seed(0)
    with torch.inference_mode():
        weigh = {"softmax": softmax, "top-tenth": top_tenth}[options.weights]
        serve((MppiByHand if options.by_hand else Mppi)(options.samples, options.horizon, weigh))
