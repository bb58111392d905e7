"""How things look: messages, memberships, analyses, words and events, on terminals and pages."""
