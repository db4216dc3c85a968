#include <stdio.h>
int main(void) { puts("vkift"); return 0; }
