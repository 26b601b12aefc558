"""What makes the book: the pages, the course, the logo, and the teaching guide's tables."""
