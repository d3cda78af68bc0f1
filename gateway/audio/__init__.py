"""The signal path: formats, resampling, timelines and clocks of audio. Pure."""
