"""What thinks.

`spec` (AgentSpec: a registered typed function); `models` (`provider:model` to a Model), `ask` (one typed call),
`embedding` (a provider's vectors); beneath them `loop` (where calls are made), `price`, `failure`. Only `spec` may be
imported early: the others load Pydantic AI.
"""
