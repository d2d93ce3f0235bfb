"""What a person allowed an app: asking, remembering, taking back (連携中のアプリ). Not delegation to agencies."""
