"""A schema registry in memory that records what it was asked."""


class MemoryRegistry:
    """Gives ids from 1 up, in order of registration; ``asked`` lists each look-up by id."""

    def __init__(self) -> None:
        self.schemas: dict[int, str] = {}
        self.subjects: dict[str, int] = {}
        self.asked: list[int] = []

    def register(self, subject: str, schema: str) -> int:
        """Register a schema; the same text gets the same id."""
        ids = {text: schema_id for schema_id, text in self.schemas.items()}
        schema_id = ids.get(schema, len(self.schemas) + 1)
        self.schemas[schema_id] = schema
        self.subjects[subject] = schema_id
        return schema_id

    def schema(self, schema_id: int) -> str:
        """Return a schema; KeyError for an unknown id."""
        self.asked.append(schema_id)
        return self.schemas[schema_id]
