"""The extractors of knowledge, one per kind of source; more come by `register_knowledge_extractors`."""

from agentos_memory.knowledge.extractors.active_record import RAILS_QUERIES, RAILS_SCHEMA
from agentos_memory.knowledge.extractors.codeowners import CODEOWNERS
from agentos_memory.knowledge.extractors.compose import COMPOSE
from agentos_memory.knowledge.extractors.django import DJANGO_MIGRATIONS, DJANGO_MODELS
from agentos_memory.knowledge.extractors.documents import DECISION_COMMENTS, DOCUMENTS
from agentos_memory.knowledge.extractors.environment import DOCKERFILE, DOTENV, ENVIRONMENT
from agentos_memory.knowledge.extractors.feature_flags import FEATURE_FLAGS
from agentos_memory.knowledge.extractors.grpc import GRPC, PROTO
from agentos_memory.knowledge.extractors.http_clients import HTTP_CALLS
from agentos_memory.knowledge.extractors.http_routes import HTTP_ROUTES
from agentos_memory.knowledge.extractors.kubernetes import KUBERNETES
from agentos_memory.knowledge.extractors.messages import MESSAGES
from agentos_memory.knowledge.extractors.orm_queries import ORM_QUERIES
from agentos_memory.knowledge.extractors.sql_files import SQL_FILES, SQL_STRINGS
from agentos_memory.knowledge.extractors.sqlalchemy import ALEMBIC, SQLALCHEMY
from agentos_memory.knowledge.extractors.terraform import TERRAFORM

EXTRACTORS = (
    SQL_FILES,
    SQL_STRINGS,
    DJANGO_MODELS,
    DJANGO_MIGRATIONS,
    SQLALCHEMY,
    ALEMBIC,
    ORM_QUERIES,
    RAILS_SCHEMA,
    RAILS_QUERIES,
    ENVIRONMENT,
    DOTENV,
    DOCKERFILE,
    FEATURE_FLAGS,
    HTTP_ROUTES,
    HTTP_CALLS,
    MESSAGES,
    PROTO,
    GRPC,
    KUBERNETES,
    COMPOSE,
    TERRAFORM,
    CODEOWNERS,
    DOCUMENTS,
    DECISION_COMMENTS,
)

__all__ = ["EXTRACTORS"]
