"""What cutting documents into passages costs and keeps."""
