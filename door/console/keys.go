package console

func keySection() section {
	return section{name: "keys"}
}

var keyWords = map[string]said{
	"key.active":  {"active", "active"},
	"key.revoked": {"revoked", "révoquée"},
	"key.expired": {"expired", "expirée"},
}
