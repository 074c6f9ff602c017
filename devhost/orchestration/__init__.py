"""What happens in one step of an orchestration: replay the user's code, or feed a kept one, and decide."""
