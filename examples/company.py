"""Ask the simulated company what its policies decide; give KAPELLE_COMPANY_ROOT for your own."""

import asyncio

from kapelle import Orchestrator

QUESTIONS = (
    "Our error rate has been 2.5% for 6 minutes. Is a rollback mandatory?",
    "May I deploy saas-api on Saturday at 03:00 UTC?",
    "Who is on call in the week of 2026-02-16?",
)


async def main() -> None:
    """Ask each question; each is a durable run."""
    async with Orchestrator() as house:
        for question in QUESTIONS:
            answer = await house.run_async(question)
            print(f"{question}\n  {answer}\n")


if __name__ == "__main__":
    asyncio.run(main())
