"""ResNet-50 and MobileNetV2 in plain torch, with the layers and widths of those of keras.applications."""

from torch import nn


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolution beside a shortcut."""

    def __init__(self, width_in: int, width: int, stride: int, project: bool):
        super().__init__()
        self.branch = nn.Sequential(
            *_conv(width_in, width, 1, stride), *_conv(width, width, 3), *_conv(width, 4 * width, 1, act=None)
        )
        self.shortcut = nn.Sequential(*_conv(width_in, 4 * width, 1, stride, act=None)) if project else nn.Identity()
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(self.branch(x) + self.shortcut(x))


class Inverted(nn.Module):
    """Expansion, depthwise convolution and projection, with a shortcut where the shapes agree."""

    def __init__(self, width_in: int, width: int, stride: int, expansion: int):
        super().__init__()
        inside = width_in * expansion
        expand = _conv(width_in, inside, 1, act=nn.ReLU6) if expansion != 1 else []
        self.branch = nn.Sequential(
            *expand, *_conv(inside, inside, 3, stride, nn.ReLU6, groups=inside), *_conv(inside, width, 1, act=None)
        )
        self.residual = stride == 1 and width_in == width

    def forward(self, x):
        return x + self.branch(x) if self.residual else self.branch(x)


def resnet50() -> nn.Module:
    """25.6 M parameters, 1000 classes."""
    layers = [*_conv(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)]
    width_in = 64
    for stage, (width, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for block in range(blocks):
            layers.append(Bottleneck(width_in, width, 2 if block == 0 and stage else 1, block == 0))
            width_in = 4 * width
    return nn.Sequential(*layers, *_head(width_in))


def mobilenet_v2() -> nn.Module:
    """3.5 M parameters, 1000 classes."""
    layers = [*_conv(3, 32, 3, 2, nn.ReLU6)]
    width_in = 32
    stages = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for expansion, width, blocks, stride in stages:
        for block in range(blocks):
            layers.append(Inverted(width_in, width, stride if block == 0 else 1, expansion))
            width_in = width
    return nn.Sequential(*layers, *_conv(width_in, 1280, 1, act=nn.ReLU6), *_head(1280))


def _conv(width_in, width, kernel, stride=1, act=nn.ReLU, groups=1) -> list[nn.Module]:
    conv = nn.Conv2d(width_in, width, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(width), *([act()] if act else [])]


def _head(width: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 1000)]
