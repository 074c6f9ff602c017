"""A linter for workflow definitions of Azure Logic Apps: what is wrong is seen before it is deployed."""
