"""Image-captioning data sets: one file for each form in which they are published, one builder for all."""
