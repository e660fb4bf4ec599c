"""What Triton programs are made of: functions on tensors of one part of a row, and of one row."""
