package aws

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// element is an XML element with what is in it.
type element struct {
	name, text string
	kind       string // its xsi:type
	kids       []*element
}

const maxDepth = 64

func readXML(body []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	var stack []*element
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the answer is not XML")
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			e := &element{name: t.Name.Local}
			for _, a := range t.Attr {
				if a.Name.Local == "type" {
					e.kind = a.Value
				}
			}
			if len(stack) > 0 {
				up := stack[len(stack)-1]
				up.kids = append(up.kids, e)
			}
			if len(stack) >= maxDepth {
				return nil, errors.New("the answer is nested too deep")
			}
			stack = append(stack, e)
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].text += string(t)
			}
		case xml.EndElement:
			e := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if len(e.kids) > 0 {
				e.text = ""
			}
			if len(stack) == 0 {
				return e, nil
			}
		}
	}
}

// at is the first element at a path below; nil where there is none.
func (e *element) at(path string) *element {
	if path == "" || e == nil {
		return e
	}
	name, rest, _ := strings.Cut(path, "/")
	for _, k := range e.kids {
		if k.name == name {
			return k.at(rest)
		}
	}
	return nil
}

func (e *element) value(path string) string {
	if k := e.at(path); k != nil {
		return k.text
	}
	return ""
}

// each are the elements of a name directly below.
func (e *element) each(name string) []*element {
	var out []*element
	if e != nil {
		for _, k := range e.kids {
			if k.name == name {
				out = append(out, k)
			}
		}
	}
	return out
}

// generic makes of an element what the AWS CLI prints for it: elements that hold nothing but
// items of a list are lists, and rename gives members their names. All values are text.
func (e *element) generic(item string, rename func(parent, name string) string) any {
	if len(e.kids) == 0 {
		if e.text == "" || strings.TrimSpace(e.text) == "" {
			return nil
		}
		return e.text
	}
	if e.only(item) {
		out := make([]any, 0, len(e.kids))
		for _, k := range e.kids {
			out = append(out, k.as(e.name, item, rename))
		}
		return out
	}
	if e.only("entry") {
		out := map[string]any{}
		for _, k := range e.kids {
			out[k.value("key")] = k.value("value")
		}
		return out
	}
	out := map[string]any{}
	for _, k := range e.kids {
		out[rename(e.name, k.name)] = k.generic(item, rename)
	}
	return out
}

// as reads an item of a list, whose members are named by what holds the list.
func (e *element) as(list, item string, rename func(parent, name string) string) any {
	if len(e.kids) == 0 || e.only(item) {
		return e.generic(item, rename)
	}
	c := *e
	c.name = list
	return c.generic(item, rename)
}

func (e *element) only(name string) bool {
	for _, k := range e.kids {
		if k.name != name {
			return false
		}
	}
	return true
}

func asIs(_, name string) string { return name }

// ec2Names are the members that EC2's answers name otherwise than its API does; all others
// differ in their first letter only.
var ec2Names = map[string]string{
	"reservationSet": "Reservations", "instancesSet": "Instances", "instanceState": "State", "ipAddress": "PublicIpAddress", "dnsName": "PublicDnsName",
	"securityGroupInfo": "SecurityGroups", "groups": "UserIdGroupPairs", "groupDescription": "Description", "keySet": "KeyPairs", "tagSet": "Tags",
	"launchTemplateVersionSet": "LaunchTemplateVersions", "securityGroupIdSet": "SecurityGroupIds", "securityGroupSet": "SecurityGroups",
	"vpcEndpointSet": "VpcEndpoints", "instanceConnectEndpointSet": "InstanceConnectEndpoints", "imagesSet": "Images", "isPublic": "Public", "imageOwnerId": "OwnerId",
	"imageState": "State", "blockDeviceMapping": "BlockDeviceMappings", "launchPermission": "LaunchPermissions", "snapshotSet": "Snapshots",
	"createVolumePermission": "CreateVolumePermissions", "regionInfo": "Regions", "networkInterfaceSet": "NetworkInterfaces", "subnetIdSet": "SubnetIds",
	"routeTableIdSet": "RouteTableIds", "networkInterfaceIdSet": "NetworkInterfaceIds",
}

func ec2Name(parent, name string) string {
	if name == "groupSet" {
		if parent == "instancesSet" {
			return "SecurityGroups"
		}
		return "Groups"
	}
	if n := ec2Names[name]; n != "" {
		return n
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

type object = map[string]any

// fields are the members that an element has directly, by name, as text.
func (e *element) fields(names ...string) object {
	out := object{}
	for _, n := range names {
		if k := e.at(n); k != nil {
			out[n[strings.LastIndex(n, "/")+1:]] = k.text
		}
	}
	return out
}

func objects[T any](from []T, make func(T) object) []object {
	out := []object{}
	for _, f := range from {
		out = append(out, make(f))
	}
	return out
}
