"""Long music videos in; the clips that work, rendered for every platform, out. With reasons and proof."""

from importlib.metadata import version

__version__ = version("stakazo")
