from . import sales_flow_demo
