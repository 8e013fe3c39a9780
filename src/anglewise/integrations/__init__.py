"""What other libraries take: retrievers and the like, one file a library, imported when used."""
