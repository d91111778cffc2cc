"""What came back: how often posts were seen and what people did, as the platforms said at each moment."""
