"""What a CustomResourceDefinition itself may say, and what the server fills in and answers for it."""
