"""What tasks that read or write words share: vocabularies, the decoders and their contract, the one search."""
