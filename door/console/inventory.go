package console

func inventorySection() section {
	return section{name: "inventory"}
}

var inventoryWords = map[string]said{}
