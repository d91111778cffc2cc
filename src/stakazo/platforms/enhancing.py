"""What Meta does to an ad by itself where nobody forbids it: Advantage+ creative, feature by feature. Pure.

The one switch for all of them is gone (v22); whoever is silent about a feature may get it, then or later.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

ENHANCEMENTS = (
    "adapt_to_placement", "add_text_overlay", "advantage_plus_creative", "audio", "creative_stickers",
    "description_automation", "dynamic_cta_text", "enhance_cta", "generate_cta", "ig_video_native_subtitle",
    "image_animation", "image_auto_crop", "image_brightness_and_contrast", "image_templates", "image_touchups",
    "image_uncrop", "inline_comment", "media_type_automation", "music_generation", "profile_card", "replace_media_text",
    "reveal_details_over_time", "show_destination_blurbs", "show_summary", "site_extensions", "text_generation",
    "text_optimizations", "text_overlay_translation", "text_translation", "translate_voiceover", "video_auto_crop",
    "video_filtering", "video_highlights", "video_to_image", "video_uncrop", "video_voiceover",
)  # fmt: skip
"""Those that can change a video, its sound, its words or what stands beside it."""
IN, OUT = "OPT_IN", "OPT_OUT"


def spec(allowed: Collection[str]) -> dict[str, Any]:
    """As a creative is made: everything is forbidden but these."""
    features = {name: {"enroll_status": IN if name in allowed else OUT} for name in ENHANCEMENTS}
    return {"creative_features_spec": features}


def switched_on(creative: Mapping[str, Any]) -> frozenset[str]:
    """What Meta says that it does to a creative; also what had no name when that was made."""
    features = (creative.get("degrees_of_freedom_spec") or {}).get("creative_features_spec") or {}
    return frozenset(name for name, about in features.items() if (about or {}).get("enroll_status") == IN)
