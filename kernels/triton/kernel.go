package triton

// Kernel is a kernel and how it is started.
type Kernel struct {
	Name, Text string
	Grid       [3]int // programs along each axis
	Warps      int    // threads of a program, in 32s
	Stages     int    // turns of a loop whose loads are under way at once
}
