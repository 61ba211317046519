"""`prompts/*`, and `completion/complete` for the arguments of prompts and resource templates."""

from __future__ import annotations

from mcp import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    GetPromptRequestParams,
    GetPromptResult,
    InputRequiredResult,
    ListPromptsResult,
    PaginatedRequestParams,
    PromptArgument,
    PromptReference,
)
from mcp.types import Prompt as WirePrompt

from agentos.kernel import Kernel
from agentos.mcp.blocks import wire_message
from agentos.mcp.caller import Caller, Context
from agentos.prompts import Prompt
from agentos.surface import Surface
from agentos.tools import Tool


class PromptHandlers:
    """The prompts of a kernel."""

    def __init__(self, kernel: Kernel, caller: Caller) -> None:
        self._kernel = kernel
        self._caller = caller

    async def list(self, ctx: Context, params: PaginatedRequestParams | None) -> ListPromptsResult:
        """All of them, on one page."""
        prompts = self._kernel.prompts.values()
        return ListPromptsResult(prompts=[_wire_prompt(each) for each in prompts])

    async def get(
        self, ctx: Context, params: GetPromptRequestParams
    ) -> GetPromptResult | InputRequiredResult:
        """One rendered prompt."""
        prompt = self._kernel.prompts.get(params.name)
        rendered = await self._caller.answer(
            ctx, params.name, params.arguments or {}, Surface.PROMPT, params
        )
        if isinstance(rendered, InputRequiredResult):
            return rendered
        assert prompt is not None, "a prompt that was rendered is there"
        return GetPromptResult(
            description=prompt.function.description,
            messages=[wire_message(each) for each in rendered["messages"]],
        )

    async def complete(self, ctx: Context, params: CompleteRequestParams) -> CompleteResult:
        """Values for one argument; none where nothing completes it."""
        function = self._completion(params)
        if function is None:
            return CompleteResult(completion=Completion(values=[], total=0, has_more=False))
        chosen = (params.context.arguments if params.context else None) or {}
        arguments = {"typed": params.argument.value, "chosen": dict(chosen)}
        found = await self._caller.answer(ctx, function.name, arguments, Surface.COMPLETION)
        assert not isinstance(found, InputRequiredResult), "completions cannot ask"
        return CompleteResult(
            completion=Completion(
                values=list(found["values"]), total=found["total"], has_more=found["has_more"]
            )
        )

    def _completion(self, params: CompleteRequestParams) -> Tool | None:
        if isinstance(params.ref, PromptReference):
            prompt = self._kernel.prompts.get(params.ref.name)
            if prompt is None:
                raise MCPError(INVALID_PARAMS, "no prompt has that name", {"code": "not_found"})
            return prompt.completions.get(params.argument.name)
        for resource in self._kernel.resources.values():
            if resource.uri.template == str(params.ref.uri):
                return resource.completions.get(params.argument.name)
        raise MCPError(INVALID_PARAMS, "no resource has that template", {"code": "not_found"})


def _wire_prompt(prompt: Prompt) -> WirePrompt:
    fields = prompt.function.parameters.model_fields
    return WirePrompt(
        name=prompt.function.name,
        title=prompt.title,
        description=prompt.function.description,
        arguments=[
            PromptArgument(
                name=each.alias or name,
                description=each.description,
                required=each.is_required(),
            )
            for name, each in fields.items()
        ],
    )
