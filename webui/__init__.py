"""What people and programs talk to: Gradio and HTTP live here, tensors never."""
