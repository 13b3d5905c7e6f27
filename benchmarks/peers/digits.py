"""The autoencoder of examples/Digits in PyTorch: 64-128-8-128-64, binary digits, the same split and optimiser.

    python3 digits.py FILE     the negative ELBO of parameters that the example saved (its --resume FILE)
    python3 digits.py          trains here, for comparison
"""

import gzip
import json
import pathlib
import sys
import time

import torch
from torch import nn
from torch.nn import functional

DATA = pathlib.Path(__file__).parents[2] / "examples" / "Digits.Terminal" / "digits.csv.gz"
TRAINING, LATENTS, DRAWS, EPOCHS, BATCH = 1500, 8, 50, 200, 100


def digits():
    with gzip.open(DATA, "rt") as lines:
        rows = torch.tensor([[int(cell) for cell in line.split(",")] for line in lines])
    images = rows[:, :64].ge(8).float()
    return images[:TRAINING], images[TRAINING:]


def network(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 128), nn.ReLU(), nn.Linear(128, outputs))


def tensors(path):
    """The tensors of a safetensors file: eight bytes of length, a header in JSON, the data."""
    content = pathlib.Path(path).read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    data = content[8 + length :]
    return {
        name: torch.frombuffer(bytearray(data[slice(*entry["data_offsets"])]), dtype=torch.float32).reshape(entry["shape"])
        for name, entry in header.items()
        if entry["dtype"] == "F32"
    }


def load(module, name, found):
    """Parameters `name.k.weight` of the k-th linear layer; activations stand between."""
    module.load_state_dict({f"{2 * k}.{part}": found[f"{name}.{k}.{part}"] for k in range(2) for part in ("weight", "bias")})


def negative_elbo(encoder, decoder, images):
    mean, log_variance = encoder(images).chunk(2, dim=1)
    code = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
    reconstruction = functional.binary_cross_entropy_with_logits(decoder(code), images, reduction="sum")
    divergence = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum()
    return (reconstruction + divergence) / len(images)


def train(encoder, decoder, images):
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    for _ in range(EPOCHS):
        for batch in images[torch.randperm(len(images))].split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            negative_elbo(encoder, decoder, batch).backward()
            optimizer.step()


if __name__ == "__main__":
    torch.manual_seed(0)
    training, test = digits()
    encoder, decoder = network(64, 2 * LATENTS), network(LATENTS, 64)
    seconds = None
    if len(sys.argv) > 1:
        found = tensors(sys.argv[1])
        load(encoder, "encoder", found)
        load(decoder, "decoder", found)
    else:
        start = time.perf_counter()
        train(encoder, decoder, training)
        seconds = time.perf_counter() - start
    with torch.no_grad():
        figures = {
            f"{name}_negative_elbo": sum(negative_elbo(encoder, decoder, images).item() for _ in range(DRAWS)) / DRAWS
            for name, images in (("test", test), ("train", training))
        }
    print(json.dumps({**figures, "seconds": seconds}))
