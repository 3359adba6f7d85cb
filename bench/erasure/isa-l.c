// Encodes stripes with Intel ISA-L and prints megabytes of data per CPU second:
// isa-l K M CELL MILLISECONDS
#include <isa-l.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double cpu_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int k = atoi(argv[1]), m = atoi(argv[2]), cell = atoi(argv[3]);
  double slice = atoi(argv[4]) / 1000.0;
  unsigned char *matrix = malloc((k + m) * k), *tables = malloc(32 * k * m);
  unsigned char **cells = malloc((k + m) * sizeof *cells);
  for (int i = 0; i < k + m; i++) {
    cells[i] = aligned_alloc(64, cell);
    memset(cells[i], i * 7 + 1, cell);
  }
  gf_gen_cauchy1_matrix(matrix, k + m, k);
  ec_init_tables(k, m, matrix + k * k, tables);
  double start = cpu_seconds(), elapsed, amount = 0;
  do {
    for (int i = 0; i < 16; i++) ec_encode_data(cell, k, m, tables, cells, cells + k);
    amount += 16.0 * k * cell;
  } while ((elapsed = cpu_seconds() - start) < slice);
  printf("%.1f\n", amount / elapsed / 1e6);
}
