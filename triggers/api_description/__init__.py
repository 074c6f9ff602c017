"""What the API takes and answers, told as OpenAPI: one module for each subject, and `whole` joins them."""
