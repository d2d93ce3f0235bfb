"""What a person allowed an app: asking, remembering, taking back. Not delegation to agencies."""
