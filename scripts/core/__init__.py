"""What the verbs share: the console, CloudFormation stacks, the artifact bucket, templates."""
