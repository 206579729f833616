package console

func accessSection() section {
	return section{name: "access"}
}

var accessWords = map[string]said{}
