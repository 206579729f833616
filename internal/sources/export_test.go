package sources

// SetWindow has large folders be read in smaller parts, so that small ones show it.
func (f *Folder) SetWindow(n int) { f.window = n }
