"""What citizens read: pages in six languages and open answers, made once for every change and kept as bytes."""
