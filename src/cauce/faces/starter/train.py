"""Train a small network on folders of images: train/<class>/*.png, test/<class>/*.png.

Run it tracked, so that parameters, metrics, code and data are recorded:

    cauce track run --data digits@main -- python train.py
"""

from pathlib import Path

import numpy as np
import yaml
from PIL import Image
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import cauce


def read(folder: Path, classes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Read <class>/*.png as `(n, 64)` float32 in 0…255, and `(n,)` class numbers."""
    images, numbers = [], []
    for number, name in enumerate(classes):
        for path in sorted((folder / name).glob("*.png")):
            images.append(np.asarray(Image.open(path).convert("L"), np.float32).ravel())
            numbers.append(number)
    return np.stack(images), np.array(numbers)


def main() -> None:
    """Train for some epochs, log each one, and keep the model with samples to prove it by."""
    config = yaml.safe_load(Path("config.yaml").read_text())
    folder = Path(config["data"])
    classes = sorted(path.name for path in (folder / "train").iterdir() if path.is_dir())
    x, y = read(folder / "train", classes)
    x_test, y_test = read(folder / "test", classes)
    rng = np.random.default_rng(config["seed"])
    order = rng.permutation(len(x))
    held = order[: int(len(x) * config["validation"])]
    kept = order[len(held) :]

    scale = MinMaxScaler().fit(np.array([[0] * x.shape[1], [255] * x.shape[1]], np.float32))
    net = MLPClassifier(
        (config["hidden"],),
        learning_rate_init=config["learning_rate"],
        alpha=config["weight_decay"],
        batch_size=config["batch_size"],
        random_state=config["seed"],
    )
    with cauce.run(config) as run:
        for epoch in range(config["epochs"]):
            net.partial_fit(scale.transform(x[kept]), y[kept], classes=range(len(classes)))
            chances = net.predict_proba(scale.transform(x[held]))
            run.log(
                {
                    "train/loss": net.loss_,
                    "val/loss": log_loss(y[held], chances, labels=range(len(classes))),
                    "val/accuracy": float((chances.argmax(1) == y[held]).mean()),
                },
                step=epoch,
            )
        model = make_pipeline(scale, net)
        accuracy = float((model.predict(x_test) == y_test).mean())
        run.log({"test/accuracy": accuracy}, step=config["epochs"])
        meaning = {"kind": "image", "height": 8, "width": 8, "mode": "L", "scale": [0, 255]}
        run.log_model(model, inputs=x_test[:200], meaning=meaning, classes=classes)
    print(f"{len(kept)} images, test accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
