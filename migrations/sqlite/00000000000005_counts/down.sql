DROP TABLE show_counts;
DROP TABLE room_counts;
