
const rows=[...document.querySelectorAll("tbody tr")],find=document.getElementById("find");
function show(){
  const words=find.value.toLowerCase().split(/\s+/).filter(Boolean);
  const kind=document.querySelector("input[name=show]:checked").value;
  let n=0;
  for(const row of rows){
    const text=row.textContent.toLowerCase();
    row.hidden=!((kind==="all"||row.className===kind)&&words.every(w=>text.includes(w)));
    n+=!row.hidden;
  }
  document.getElementById("count").textContent=n+" of "+rows.length;
}
document.querySelector("form").addEventListener("input",show);
document.querySelector("form").addEventListener("submit",e=>e.preventDefault());
show();
