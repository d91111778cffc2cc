"""Long music videos in; the clips that work, rendered for every platform, out. With reasons and proof."""

__version__ = "0.1.0"
