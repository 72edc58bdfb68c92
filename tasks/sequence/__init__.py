"""What tasks that read or write words share: vocabularies, the one recurrent decoder, the one search."""
